//! Boards of cards, as Trello exports them.
//!
//! Owns making the names of cards, lists and checklists titles: they are called `name` there, like
//! people elsewhere.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Lists of a board whose objects have a name that is nobody's.
const NAMED: [&str; 5] = ["cards", "checkItems", "checklists", "customFields", "labels"];
/// Objects of an action that the action is about.
const ABOUT: [&str; 4] = ["board", "card", "checklist", "list"];
/// Field of a card for the list in which it stands.
const LIST: &str = "idList";

/// Makes titles of the names on a board, and gives each card the name of its list.
pub(super) fn title(document: &mut Value) {
    let Value::Object(board) = document else { return };
    let objects = |name: &str| board.get(name).and_then(Value::as_array).into_iter().flatten();
    if !objects("cards").any(|card| card.get(LIST).is_some() && card.get("name").is_some()) {
        return;
    }
    let name = |list: &Value| Some((list.get("id")?.clone(), list.get("name")?.clone()));
    let lists: Vec<(Value, Value)> = objects("lists").filter_map(name).collect();
    let lists: HashMap<String, Value> =
        lists.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
    board.retain(|key, _| key != "lists" && key != "labels");
    for (key, value) in board.iter_mut() {
        if key == "actions" {
            objects_of(value).for_each(name_objects);
        } else if NAMED.contains(&key.as_str()) {
            title_all(value, &lists);
        }
    }
}

fn objects_of(value: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut)
}

/// What an action is about, by its name.
fn name_objects(action: &mut Map<String, Value>) {
    for (key, value) in action.iter_mut().filter(|(key, _)| ABOUT.contains(&key.as_str())) {
        if let Some(name) = value.get_mut("name").map(Value::take) {
            *value = name;
        } else if key == "board" {
            *value = Value::Null;
        }
    }
}

fn title_all(value: &mut Value, lists: &HashMap<String, Value>) {
    for object in objects_of(value) {
        if let Some(name) = object.remove("name") {
            object.insert("title".to_owned(), name);
        }
        let list = object.get(LIST).and_then(|id| lists.get(&id.to_string()));
        if let Some(list) = list.cloned() {
            object.remove(LIST);
            object.insert("list".to_owned(), list);
        }
        let inner = object.iter_mut().filter(|(key, _)| NAMED.contains(&key.as_str()));
        inner.for_each(|(_, value)| title_all(value, lists));
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, said};

    #[test]
    fn cards_and_lists_are_no_people_and_comments_are_their_authors() {
        let rows = load_json(
            r#"{"id": "b", "name": "Feedback",
                "actions": [
                    {"id": "a1", "idMemberCreator": "m1", "type": "commentCard", "data": {"text": "I climb over the gate each time.",
                        "card": {"id": "c1", "name": "Gate codes"}, "list": {"id": "l1", "name": "Inbox"}},
                        "memberCreator": {"id": "m1", "username": "ruthk", "fullName": "Ruth Kimani"}},
                    {"id": "a2", "idMemberCreator": "m2", "type": "updateCard", "data": {"old": {"idList": "l1"}, "card": {"id": "c1", "name": "Gate codes"}},
                        "memberCreator": {"id": "m2", "username": "nilsek", "fullName": "Nils Ek"}}],
                "cards": [{"id": "c1", "name": "Gate codes", "desc": "I never have the gate code.", "idList": "l1"},
                    {"id": "c2", "name": "Labels", "desc": "My scanner does not read them.", "idList": "l2"}],
                "lists": [{"id": "l1", "name": "Inbox", "closed": false}, {"id": "l2", "name": "Doing", "closed": false}]}"#,
        );
        let said = said(&rows);
        let who: Vec<_> = said.iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("Ruth Kimani"), None, None], "{said:?}");
        assert!(said[1].1.contains("Gate codes") && said[1].1.contains("list: Inbox"));
    }

    #[test]
    fn a_list_of_people_called_cards_stays_one_of_people() {
        let rows = load_json(
            r#"{"cards": [{"name": "Ana", "text": "I write a list on Sundays."}, {"name": "Bo", "text": "I never do."}]}"#,
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("Ana"), Some("Bo")]);
    }
}
