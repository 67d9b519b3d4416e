//! The in-process engine as a [`super::ChatModel`].
