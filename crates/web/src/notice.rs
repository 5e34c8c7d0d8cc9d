//! What is said once, at the top of the next page.

use axum::response::Response;
use http::header;

use crate::cookies;
use crate::texts::Texts;

/// How long a browser keeps it at most, in seconds: a page that is never loaded says nothing later.
const KEPT: i64 = 30;

macro_rules! notices {
    ($($variant:ident = $name:literal, $text:ident;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Notice { $($variant,)* }

        impl Notice {
            /// As the cookie holds it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Notice::$variant => $name,)* }
            }

            pub fn parse(text: &str) -> Option<Notice> {
                match text { $($name => Some(Notice::$variant),)* _ => None }
            }

            pub fn text(self, t: &Texts) -> &'static str {
                match self { $(Notice::$variant => t.notices.$text,)* }
            }
        }
    };
}

notices! {
    SignedOut = "signed_out", signed_out;
    Welcome = "welcome", welcome;
    PaidBefore = "paid_before", paid_before;
    Cancelled = "cancelled", cancelled;
    TooLateToCancel = "too_late_to_cancel", too_late_to_cancel;
    NotConfirmedYet = "not_confirmed_yet", not_confirmed_yet;
    CannotCancelNow = "cannot_cancel_now", cannot_cancel_now;
    SessionsEnded = "sessions_ended", sessions_ended;
    KeyRevoked = "key_revoked", key_revoked;
    SimulationFailed = "simulation_failed", simulation_failed;
    Proposed = "proposed", proposed;
    Approved = "approved", approved;
    JobRetried = "job_retried", job_retried;
    JobNotDead = "job_not_dead", job_not_dead;
    UserBlocked = "user_blocked", user_blocked;
    UserUnblocked = "user_unblocked", user_unblocked;
    OwnAccount = "own_account", own_account;
    ControlKept = "control_kept", control_kept;
    DispatchResumed = "dispatch_resumed", dispatch_resumed;
    DispatchRunning = "dispatch_running", dispatch_running;
    Replayed = "replayed", replayed;
    EndpointOff = "endpoint_off", endpoint_off;
    EndpointSwitched = "endpoint_switched", endpoint_switched;
    FaultArmed = "fault_armed", fault_armed;
    FaultRefused = "fault_refused", fault_refused;
    Healed = "healed", healed;
    Moved = "moved", moved;
    NotMoved = "not_moved", not_moved;
    ScenarioBusy = "scenario_busy", scenario_busy;
}

impl Notice {
    /// The answer, after which the next page says this.
    pub fn on(self, mut response: Response, secure: bool) -> Response {
        let cookie = cookies::set(cookies::NOTICE, self.as_str(), Some(KEPT), secure);
        response.headers_mut().append(header::SET_COOKIE, cookie);
        response
    }
}
