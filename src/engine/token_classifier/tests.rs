//! Windows and labels without a model; a model's figures against other programs are in `tests/it`.

use super::*;

#[test]
fn every_token_is_kept_from_one_window() {
    for (length, size) in [(1, 8), (8, 8), (9, 8), (100, 8), (1000, 510), (510, 510), (3, 2)] {
        let windows = windows(0, length, size);
        let kept: Vec<usize> = windows.iter().flat_map(|w| w.keep_from..w.keep_to).collect();
        assert_eq!(kept, (0..length).collect::<Vec<_>>(), "{length} {size}");
        for window in &windows {
            assert!(window.end - window.start <= size);
            assert!(window.start <= window.keep_from && window.keep_to <= window.end);
        }
    }
    assert!(windows(0, 0, 8).is_empty());
}

#[test]
fn marks_of_labels_are_told_from_names() {
    assert_eq!(parted("B-PER"), (Part::Begins, "PER"));
    assert_eq!(parted("I-GIVENNAME"), (Part::Inside, "GIVENNAME"));
    assert_eq!(parted("E-LOC"), (Part::Ends, "LOC"));
    assert_eq!(parted("S_ORG"), (Part::Alone, "ORG"));
    assert_eq!(parted("O"), (Part::Inside, "O"));
    assert_eq!(parted("EMAIL"), (Part::Inside, "EMAIL"));
    assert_eq!(parted("street-address"), (Part::Inside, "street-address"));
}

#[test]
fn a_row_of_logits_gives_the_softmax_of_its_largest() {
    let (at, score) = likeliest(&[1.0, 3.0, 2.0]).unwrap();
    let sum: f32 = [-2.0_f32, 0.0, -1.0].iter().map(|x| x.exp()).sum();
    assert!(at == 1 && (score - 1.0 / sum).abs() < 1e-6);
    assert!(likeliest(&[f32::NAN, f32::NAN]).is_err());
    assert!(likeliest(&[f32::INFINITY, 0.0]).is_err());
}

#[test]
fn labels_are_read_in_the_order_of_their_ids() {
    let read = |json: serde_json::Value| labels(&json);
    let good = serde_json::json!({ "id2label": { "1": "B-PER", "0": "O" } });
    assert_eq!(read(good).unwrap(), ["O", "B-PER"]);
    for (bad, says) in [
        (serde_json::json!({}), "no id2label"),
        (serde_json::json!({ "id2label": { "0": "O", "2": "x" } }), "'2'"),
        (serde_json::json!({ "id2label": { "0": 3 } }), "'0'"),
        (serde_json::json!({ "id2label": { "0": "O", "00": "x" } }), "gaps"),
    ] {
        assert!(read(bad).unwrap_err().contains(says), "{says}");
    }
}
