//! A picture for each persona: abstract tiles, drawn from a hash.
//!
//! Owns the shapes. There are deliberately no faces: a face would suggest an age, a gender and an
//! origin that no data supports. The same persona has the same picture in every report.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Tiles per side of the picture, and units per side of a tile.
const SIDE: usize = 3;
const TILE: usize = 40;

/// Shapes within a tile of 40 units. Only the disc and the ring are symmetric; the others are
/// turned, so that no tile looks out of place.
const SHAPES: [&str; 7] = [
    "M0 0H40A40 40 0 0 1 0 40Z",
    "M0 0H40V20A20 20 0 0 1 0 20Z",
    "M0 0H40L0 40Z",
    "M6 20a14 14 0 1 0 28 0a14 14 0 1 0 -28 0Z",
    "M0 0H40V13H0ZM0 26H40V40H0Z",
    "M0 0H20V20H40V40H20V20H0Z",
    "M0 0A40 40 0 0 0 40 40V24A24 24 0 0 1 16 0Z",
];

/// The tiles of the picture: a path, its place, and which of the persona's four shades fill the
/// shape and the ground.
pub(super) fn avatar(name: &str, seed: u64) -> Value {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(name.as_bytes());
    let bytes = hash.finalize();
    let tiles = (0..SIDE * SIDE).map(|at| {
        let (shape, look) = (bytes[at * 3], bytes[at * 3 + 1]);
        let ground = usize::from(look % 3);
        // The shape never has the shade of its ground.
        let fill = (ground + 1 + usize::from(look / 3 % 3)) % 4;
        let (x, y) = (at % SIDE * TILE, at / SIDE * TILE);
        let mut transform = format!("translate({x} {y})");
        let turns = usize::from(bytes[at * 3 + 2] % 4);
        if turns > 0 {
            let _ = write!(transform, " rotate({} 20 20)", turns * 90);
        }
        json!({
            "x": x, "y": y, "ground": ground, "fill": fill, "transform": transform,
            "path": SHAPES[usize::from(shape) % SHAPES.len()],
        })
    });
    tiles.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_its_persona_s_own_and_shows_every_shape() {
        assert_eq!(avatar("Ada", 7), avatar("Ada", 7));
        assert_ne!(avatar("Ada", 7), avatar("Ada", 8));
        assert_ne!(avatar("Ada", 7), avatar("Bo", 7));
        let tiles: Vec<Value> =
            (0..20).flat_map(|n| avatar("x", n).as_array().unwrap().clone()).collect();
        assert!(tiles.iter().all(|tile| tile["fill"] != tile["ground"]));
        for shape in SHAPES {
            assert!(tiles.iter().any(|tile| tile["path"] == shape), "{shape}");
        }
    }
}
