//! What a service is sent, as bytes. Pure: the same notice gives the same bytes.

use serde_json::Value;

use crate::destination::Service;
use crate::notice::Notice;
use crate::{discord, pagerduty, slack, teams, webhook};

/// A body of JSON without secrets. What has to stand within the body for a service to take it, such as PagerDuty's key, is
/// put in when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered(pub(crate) Value);

impl Rendered {
    /// The body as it is, for whoever wants to see it.
    pub fn body(&self) -> &Value {
        &self.0
    }
}

/// Renders a notice for a service.
pub fn render(service: &Service, notice: &Notice) -> Rendered {
    Rendered(match service {
        Service::Slack { .. } => slack::render(notice),
        Service::Teams { .. } => teams::render(notice),
        Service::Discord { .. } => discord::render(notice),
        Service::PagerDuty { .. } => pagerduty::render(notice),
        Service::Webhook { .. } => webhook::render(notice),
    })
}
