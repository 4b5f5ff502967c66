//! Faults, while the program runs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mail_sandbox::fault::{FaultError, Faults};
use serde::Serialize;

use super::{Api, Problem};

#[derive(Debug, Serialize)]
pub(super) struct Listed {
    fault: String,
    happened: u64,
}

pub(super) async fn list(State(api): State<Api>) -> Json<Vec<Listed>> {
    let faults = api.sandbox.faults().into_iter();
    let listed = faults.map(|(fault, happened)| Listed {
        fault: fault.to_string(),
        happened,
    });
    Json(listed.collect())
}

pub(super) async fn add(
    State(api): State<Api>,
    file: String,
) -> Result<Json<Vec<Listed>>, Problem> {
    let faults: Faults = file.parse().map_err(problem)?;
    for fault in faults {
        api.sandbox.inject(fault).map_err(problem)?;
    }
    Ok(list(State(api)).await)
}

pub(super) async fn clear(State(api): State<Api>) -> StatusCode {
    api.sandbox.clear_faults();
    StatusCode::NO_CONTENT
}

fn problem(error: FaultError) -> Problem {
    Problem {
        line: error.line(),
        ..Problem::new(StatusCode::BAD_REQUEST, error.reason())
    }
}
