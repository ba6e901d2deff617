//! `tiersync replay --what-if`.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::Replay;
use crate::cli::output::{Format, Listing, limit, more};
use crate::cli::{CliError, Common};
use crate::ops::replay::input::Inputs;
use crate::ops::replay::predict::{PredictError, Predicting, predict};
use crate::ops::what_if::Effect;
use crate::writer::now_micros;

impl From<PredictError> for CliError {
    fn from(error: PredictError) -> Self {
        match error {
            PredictError::Replay(error) => error.into(),
            PredictError::Store(error) => error.into(),
        }
    }
}

/// Prints what each call would do, and how many would do what.
pub(super) fn run(replay: &Replay, common: &Common, inputs: &Inputs) -> Result<(), CliError> {
    let config = common.load()?;
    let Some(source) = config.sources.iter().find(|source| source.credentials.id.as_str() == replay.source) else {
        return Err(CliError::Usage(format!(
            "source \"{}\" is not configured, so its rules are unknown; --what-if needs a [[source]] with this id",
            replay.source
        )));
    };
    let mut connection = common.open()?;
    let predicting = Predicting {
        inputs,
        config: &config,
        source,
        only: &replay.only,
        at: replay.bodies.at,
        refused: replay.refused(),
    };
    let columns = ["call", "endpoint", "account", "effect", "outcome", "code", "what"];
    let mut listing = Listing::start(replay.format, &columns)?;
    let most = limit(replay.format, None);
    let mut counts: BTreeMap<Effect, u64> = BTreeMap::new();
    let (mut cut, mut newly_refused) = (false, 0_u64);
    let emptied = predict::<CliError>(&predicting, &mut connection, now_micros(), &mut |letter, prediction| {
        *counts.entry(prediction.effect).or_default() += 1;
        if prediction.effect == Effect::Refuse && letter.code.is_some_and(|code| matches!(code, 0 | 1)) {
            newly_refused += 1;
        }
        // A table is for reading: what does nothing is only counted there.
        if replay.format == Format::Table && prediction.effect == Effect::Nothing {
            return Ok(());
        }
        if listing.rows() >= most {
            cut = true;
            return Ok(());
        }
        let what = match prediction.effect {
            Effect::Refuse => prediction.answer.message.clone(),
            Effect::Nothing => prediction.outcome.as_str().to_owned(),
            Effect::Create | Effect::Reparent | Effect::Change => {
                let told = |one: &crate::domain::difference::Difference| {
                    format!("{}: {:?} -> {:?}", one.field, one.before, one.after)
                };
                prediction.differences.iter().map(told).collect::<Vec<_>>().join("; ")
            }
        };
        let differences: Vec<_> = prediction
            .differences
            .iter()
            .map(|one| json!({"field": one.field, "before": one.before, "after": one.after}))
            .collect();
        let code = prediction.answer.code.number();
        let row = json!({
            "call": letter.position, "id": letter.id, "endpoint": letter.endpoint.as_str(), "tenant": letter.tenant,
            "account": letter.account, "check_only": letter.check_only, "effect": prediction.effect.as_str(),
            "outcome": prediction.outcome.as_str(), "code": code, "message": prediction.answer.message,
            "result": prediction.answer.result, "differences": differences, "trace": prediction.trace,
        });
        let (position, account) = (letter.position.to_string(), letter.account.clone().unwrap_or_default());
        let cells = [
            &*position,
            letter.endpoint.as_str(),
            &account,
            prediction.effect.as_str(),
            prediction.outcome.as_str(),
            &code.to_string(),
            &what,
        ];
        listing.row(&row, &cells)
    })?;
    listing.end()?;
    let mut err = std::io::stderr();
    if cut {
        more(replay.format, None)?;
    }
    for (effect, count) in &counts {
        writeln!(err, "{count} call(s) would {}", said(*effect))?;
    }
    if emptied > 0 {
        writeln!(err, "{emptied} call(s) cannot be told: their bodies were emptied")?;
    }
    match newly_refused {
        0 => Ok(()),
        some => {
            Err(CliError::Failed(format!("{some} call(s) would be refused that were taken when they were captured")))
        }
    }
}

fn said(effect: Effect) -> &'static str {
    match effect {
        Effect::Create => "create an account",
        Effect::Reparent => "change an account's reseller",
        Effect::Change => "change an account",
        Effect::Nothing => "change nothing",
        Effect::Refuse => "be refused",
    }
}
