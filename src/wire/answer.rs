//! What platforms are answered: `{"Code","Message","Result","AccountExtraInfo"}` (protocol.md, "Answers").

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::outcome::Answer;

/// The answer to every call of a platform that changes or asks something.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct AnswerBody<'a> {
    /// 0 alone means success, but for `Exists`, where 1 means that the account exists.
    #[schema(example = 0)]
    pub code: i32,
    /// For the person who ordered.
    #[schema(example = "Account created.")]
    pub message: &'a str,
    /// Most often the vendor's ID of the account.
    #[schema(example = "5681a165-87d0-53b4-92ad-4f3e1c3aebc8")]
    pub result: Option<&'a str>,
    /// Always null: nothing more is known of what may stand here.
    pub account_extra_info: Option<&'a str>,
}

impl<'a> From<&'a Answer> for AnswerBody<'a> {
    fn from(answer: &'a Answer) -> Self {
        Self {
            code: answer.code.number(),
            message: &answer.message,
            result: answer.result.as_deref(),
            account_extra_info: None,
        }
    }
}

/// The answer as JSON.
#[must_use]
pub fn json(answer: &Answer) -> String {
    // Four plain members: this cannot fail, and an empty body would be no worse than a panic.
    serde_json::to_string(&AnswerBody::from(answer)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_the_protocols() {
        assert_eq!(
            json(&Answer::done("Account \"created\".", "x")),
            r#"{"Code":0,"Message":"Account \"created\".","Result":"x","AccountExtraInfo":null}"#
        );
    }
}
