//! What stands behind a name and is no part of it: pronouns, and whose account it is.
//!
//! Owns these words. Roles in brackets (`Ana (Interviewer)`) belong to `moderator`.

/// Words for an account that is not of the team, behind a name.
const STATUS: [&str; 25] = [
    "convidada",
    "convidado",
    "esterna",
    "esterno",
    "ext",
    "extern",
    "externa",
    "external",
    "externe",
    "externer",
    "externo",
    "gast",
    "gjest",
    "guest",
    "gäst",
    "gæst",
    "host",
    "invitada",
    "invitado",
    "invité",
    "invitée",
    "me",
    "ospite",
    "unverified",
    "you",
];

/// Pronouns that people put behind their names.
const PRONOUNS: [&str; 30] = [
    "any", "dela", "dele", "delu", "ela", "ele", "ella", "elle", "elu", "er", "haar", "he", "hem",
    "her", "hers", "hij", "him", "his", "iel", "ihm", "ihr", "il", "she", "sie", "su", "suyo",
    "theirs", "them", "they", "zij",
];

/// A name without what a tool or people themselves put behind it in brackets, which is no part of it:
/// pronouns, and whose account it is: `Ana Lee (she/her)`, `Bo (Guest)`, `Cy [EXT]`.
pub(crate) fn without_status(name: &str) -> &str {
    let mut name = name.trim();
    while let Some(open) = name.rfind(['(', '[']).filter(|_| name.ends_with([')', ']'])) {
        let inner = &name[open + 1..name.len() - 1];
        let mut words = inner.split(['/', ',', '|']).map(|word| word.trim().to_lowercase());
        let is_status = STATUS.contains(&inner.trim().to_lowercase().as_str())
            || inner.contains('/') && words.all(|word| PRONOUNS.contains(&word.as_str()));
        if !is_status || open == 0 {
            break;
        }
        name = name[..open].trim_end();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pronouns_and_accounts_are_no_part_of_a_name_and_roles_are_kept() {
        for (name, bare) in [
            ("Ana Lee (She/Her)", "Ana Lee"),
            ("Ana Lee (Guest)", "Ana Lee"),
            ("Ana Lee (he/they) [EXT]", "Ana Lee"),
            ("Ana Lee (Gast)", "Ana Lee"),
            ("Ana (Interviewer)", "Ana (Interviewer)"),
            ("Ana (her mother)", "Ana (her mother)"),
            ("Ana (nurse/cook)", "Ana (nurse/cook)"),
            ("(Guest)", "(Guest)"),
        ] {
            assert_eq!(without_status(name), bare);
        }
    }
}
