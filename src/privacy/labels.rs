//! What the labels of other people's models stand for.
//!
//! Owns one table: the names of labels in the common sets (CoNLL-2003, OntoNotes 5, WikiNEuRal,
//! ai4privacy, piiranha, i2b2), without their `B-` and `I-`, and the kind of entity of each.

use super::entity::Entity;

/// What a label of a token classifier stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It marks an entity of this kind.
    Entity(Entity),
    /// It marks something that is not removed, such as a date, a product or somebody's job.
    Nothing,
    /// The table does not hold this label.
    Unknown,
}

/// Labels by entity: in capitals, without punctuation and without a number at the end.
const LABELS: &[(Option<Entity>, &[&str])] = &[
    (
        Some(Entity::Person),
        &[
            "PER",
            "PERSON",
            "NAME",
            "PERSONNAME",
            "FULLNAME",
            "GIVENNAME",
            "FIRSTNAME",
            "MIDDLENAME",
            "SURNAME",
            "LASTNAME",
            "PATIENT",
            "DOCTOR",
            "HCW",
            "STAFF",
            "NAMESTUDENT",
        ],
    ),
    (
        Some(Entity::Location),
        &[
            "LOC",
            "LOCATION",
            "GPE",
            "FAC",
            "PLACE",
            "CITY",
            "TOWN",
            "STATE",
            "COUNTY",
            "COUNTRY",
            "REGION",
            "GEOCOORD",
            "NEARBYGPSCOORDINATE",
            "COORDINATE",
        ],
    ),
    (
        Some(Entity::Organization),
        &[
            "ORG",
            "ORGANIZATION",
            "ORGANISATION",
            "COMPANY",
            "COMPANYNAME",
            "CORPORATION",
            "HOSPITAL",
            "SCHOOL",
            "UNIVERSITY",
            "PATORG",
            "EMPLOYER",
        ],
    ),
    (
        Some(Entity::Address),
        &[
            "ADDRESS",
            "STREET",
            "STREETADDRESS",
            "STREETNAME",
            "BUILDINGNUM",
            "BUILDINGNUMBER",
            "BUILDING",
            "SECONDARYADDRESS",
            "SECADDRESS",
            "ZIPCODE",
            "ZIP",
            "POSTCODE",
        ],
    ),
    (Some(Entity::EmailAddress), &["EMAIL", "EMAILADDRESS", "MAIL"]),
    (
        Some(Entity::PhoneNumber),
        &[
            "TELEPHONENUM",
            "TELEPHONENUMBER",
            "PHONENUMBER",
            "PHONENUM",
            "PHONE",
            "TEL",
            "MOBILE",
            "FAX",
        ],
    ),
    (Some(Entity::CreditCard), &["CREDITCARDNUMBER", "CREDITCARDNUM", "CREDITCARD", "CARDNUMBER"]),
    (Some(Entity::IbanCode), &["IBAN", "IBANCODE"]),
    (Some(Entity::UsSsn), &["SSN", "USSSN"]),
    (Some(Entity::UkNhs), &["UKNHS", "NHS"]),
    (Some(Entity::UkNino), &["UKNINO", "NINO"]),
    (Some(Entity::Passport), &["PASSPORT", "PASSPORTNUM", "PASSPORTNUMBER", "PASS"]),
    (
        Some(Entity::DriverLicense),
        &[
            "DRIVERLICENSENUM",
            "DRIVERLICENSE",
            "DRIVERSLICENSE",
            "DRIVINGLICENCE",
            "USDRIVERLICENSE",
        ],
    ),
    (Some(Entity::DateOfBirth), &["DATEOFBIRTH", "DOB", "BOD"]),
    (Some(Entity::IpAddress), &["IP", "IPADDRESS", "IPV"]),
    (Some(Entity::MacAddress), &["MAC", "MACADDRESS"]),
    (Some(Entity::Url), &["URL", "URLPERSONAL"]),
    (Some(Entity::DomainName), &["DOMAIN", "DOMAINNAME"]),
    (Some(Entity::UserHandle), &["USERNAME", "USERHANDLE", "USER", "HANDLE", "USERID"]),
    (
        Some(Entity::RecordId),
        &[
            "RECORDID",
            "ID",
            "IDNUM",
            "IDNUMBER",
            "IDCARD",
            "IDCARDNUM",
            "ACCOUNTNUM",
            "ACCOUNTNUMBER",
            "ACCOUNT",
            "SOCIALNUM",
            "SOCIALNUMBER",
            "TAXNUM",
            "TAXID",
            "MEDICALRECORD",
            "MRN",
            "PASSWORD",
            "PIN",
            "CVV",
            "CREDITCARDCVV",
            "MASKEDNUMBER",
            "BIC",
            "VEHICLEVIN",
            "VEHICLEVRM",
            "LICENSEPLATE",
            "PHONEIMEI",
            "IMEI",
            "BITCOINADDRESS",
            "ETHEREUMADDRESS",
            "LITECOINADDRESS",
            "DEVICE",
            "BIOID",
            "SERIALNUMBER",
        ],
    ),
    (
        // Ages are left to the rules, which know the bound of 89.
        None,
        &[
            "O",
            "MISC",
            "NORP",
            "DATE",
            "TIME",
            "DATETIME",
            "MONEY",
            "PERCENT",
            "QUANTITY",
            "CARDINAL",
            "ORDINAL",
            "EVENT",
            "PRODUCT",
            "LAW",
            "LANGUAGE",
            "WORKOFART",
            "AGE",
            "PREFIX",
            "SUFFIX",
            "TITLE",
            "GENDER",
            "SEX",
            "SEXTYPE",
            "JOBTITLE",
            "JOBAREA",
            "JOBTYPE",
            "JOBDESCRIPTOR",
            "PROFESSION",
            "CURRENCY",
            "CURRENCYNAME",
            "CURRENCYCODE",
            "CURRENCYSYMBOL",
            "AMOUNT",
            "ACCOUNTNAME",
            "CREDITCARDISSUER",
            "HEIGHT",
            "EYECOLOR",
            "USERAGENT",
            "ORDINALDIRECTION",
            "ANIM",
            "BIO",
            "CEL",
            "DIS",
            "EVE",
            "FOOD",
            "INST",
            "MEDIA",
            "MYTH",
            "PLANT",
            "VEHI",
        ],
    ),
];

/// What a label without its `B-` or `I-` stands for; `GIVENNAME1`, `given_name` and `GivenName` are
/// the same.
pub fn meaning(label: &str) -> Meaning {
    let plain: String =
        label.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase();
    let plain = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    let row = LABELS.iter().find(|(_, names)| names.contains(&plain));
    match row {
        Some((Some(entity), _)) => Meaning::Entity(*entity),
        Some((None, _)) => Meaning::Nothing,
        None => Meaning::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_common_sets_are_known() {
        for (label, entity) in [
            ("PER", Entity::Person),
            ("GIVENNAME2", Entity::Person),
            ("LASTNAME1", Entity::Person),
            ("person_name", Entity::Person),
            ("GPE", Entity::Location),
            ("City", Entity::Location),
            ("STREET", Entity::Address),
            ("TELEPHONENUM", Entity::PhoneNumber),
            ("SOCIALNUM", Entity::RecordId),
            ("IPV4", Entity::IpAddress),
            ("DRIVERLICENSENUM", Entity::DriverLicense),
        ] {
            assert_eq!(meaning(label), Meaning::Entity(entity), "{label}");
        }
        assert_eq!(meaning("MISC"), Meaning::Nothing);
        assert_eq!(meaning("WORK_OF_ART"), Meaning::Nothing);
        for unknown in ["LABEL_1", "", "SENTIMENT", "7"] {
            assert_eq!(meaning(unknown), Meaning::Unknown, "{unknown}");
        }
    }

    #[test]
    fn our_own_names_are_labels_too_and_no_label_stands_twice() {
        for entity in Entity::ALL {
            let known = meaning(entity.name());
            let age = entity == Entity::Age && known == Meaning::Nothing;
            assert!(age || known == Meaning::Entity(entity), "{}", entity.name());
        }
        let all: Vec<&str> = LABELS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for (at, label) in all.iter().enumerate() {
            assert!(!all[..at].contains(label), "{label}");
        }
    }
}
