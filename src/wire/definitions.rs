//! What the platform asks of us: synchronization options, setting fields and the description of the endpoints
//! (protocol.md, "Paths" and "Synchronization options").

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::definition::OptionDefinition;
use crate::domain::field::FieldDefinition;

/// `GET Accounts/SyncOptions`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct SyncOptionsBody {
    /// The options, in their sort order.
    pub fields: Vec<SyncOptionField>,
}

/// One option.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncOptionField {
    /// Its ID, the key in `SyncOptions`.
    #[serde(rename = "ID")]
    pub id: String,
    /// What it asks for.
    #[serde(rename = "Definition")]
    pub definition: SyncOptionDefinition,
}

/// What an option asks for; the members stand in the order of the protocol's own example.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)] // The names are the protocol's own.
pub struct SyncOptionDefinition {
    #[serde(rename = "ID")]
    pub id: String,
    pub sort_order: i64,
    pub name: String,
    pub description: Option<String>,
    pub kind: String,
    pub data_type: String,
    pub is_required: bool,
    pub predefined_values: Vec<PredefinedValueBody>,
    pub is_read_only: bool,
    pub available_to_storefront: bool,
}

/// A value to choose from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)] // The names are the protocol's own.
pub struct PredefinedValueBody {
    #[serde(rename = "ID")]
    pub id: String,
    pub sort_order: i64,
    pub name: String,
    pub description: Option<String>,
    pub is_default: bool,
}

/// The answer to `GET Accounts/SyncOptions`.
#[must_use]
pub fn sync_options(definitions: &[OptionDefinition]) -> SyncOptionsBody {
    let mut sorted: Vec<&OptionDefinition> = definitions.iter().collect();
    sorted.sort_by_key(|definition| definition.sort_order);
    let fields = sorted.into_iter().map(|definition| SyncOptionField {
        id: definition.id.clone(),
        definition: SyncOptionDefinition {
            id: definition.id.clone(),
            sort_order: definition.sort_order,
            name: definition.name.clone(),
            description: definition.description.clone(),
            kind: definition.kind.as_str().to_owned(),
            data_type: definition.data_type.as_str().to_owned(),
            is_required: definition.required,
            predefined_values: definition
                .predefined_values
                .iter()
                .map(|value| PredefinedValueBody {
                    id: value.id.clone(),
                    sort_order: value.sort_order,
                    name: value.name.clone(),
                    description: value.description.clone(),
                    is_default: value.is_default,
                })
                .collect(),
            is_read_only: definition.read_only,
            available_to_storefront: definition.available_to_storefront,
        },
    });
    SyncOptionsBody { fields: fields.collect() }
}

/// `GET Fields/Get`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct FieldsBody {
    /// The settings, in their sort order.
    pub fields: Vec<FieldBody>,
}

/// One setting.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldBody {
    /// Its ID, also the end of its header.
    #[serde(rename = "ID")]
    pub id: String,
    /// What it asks for.
    #[serde(rename = "Definition")]
    pub definition: FieldDefinitionBody,
}

/// What a setting asks for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)] // The names are the protocol's own.
pub struct FieldDefinitionBody {
    #[serde(rename = "ID")]
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub kind: String,
    pub max_length: usize,
    pub is_required: bool,
    pub sort_order: i64,
}

/// The answer to `GET Fields/Get`.
#[must_use]
pub fn fields(definitions: &[FieldDefinition]) -> FieldsBody {
    let mut sorted: Vec<&FieldDefinition> = definitions.iter().collect();
    sorted.sort_by_key(|definition| definition.sort_order);
    let fields = sorted.into_iter().map(|definition| FieldBody {
        id: definition.id.clone(),
        definition: FieldDefinitionBody {
            id: definition.id.clone(),
            name: definition.name.clone(),
            description: definition.description.clone(),
            kind: definition.kind.as_str().to_owned(),
            max_length: definition.max_length,
            is_required: definition.required,
            sort_order: definition.sort_order,
        },
    });
    FieldsBody { fields: fields.collect() }
}

/// `GET Discovery`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct DiscoveryBody {
    /// Stable name of this service manager.
    pub code: String,
    /// Shown to people.
    pub name: String,
    /// Shown to people.
    pub description: String,
    /// Whether resellers are to be sent.
    pub reseller_support_enabled: bool,
    /// What the endpoints' paths are appended to.
    pub base_url: String,
    /// Version of this receiver.
    pub version: String,
    /// The endpoints, by section.
    pub management_sections: Vec<ManagementSection>,
}

/// The endpoints of one section.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ManagementSection {
    /// `Accounts`, `Fields` or `Discovery`.
    pub name: String,
    /// Its endpoints.
    pub endpoints: Vec<EndpointBody>,
}

/// One endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointBody {
    /// Its name.
    pub name: String,
    /// The method it answers.
    pub method: String,
    /// Where it is.
    pub url: String,
    /// Whether it wants credentials: all do.
    pub requires_authorization: bool,
    /// Whether it should be called with `checkonly` first.
    pub requires_precheck: bool,
}

/// The answer to `GET Discovery` of a server at `base_url`, which answers `endpoints`: path, method and whether a
/// pre-check makes sense.
#[must_use]
pub fn discovery(base_url: &str, reseller_support: bool, endpoints: &[(&str, &str, bool)]) -> DiscoveryBody {
    let mut sections: Vec<ManagementSection> = Vec::new();
    for (path, method, precheck) in endpoints {
        let (section, name) = path.split_once('/').unwrap_or((path, path));
        let endpoint = EndpointBody {
            name: name.to_owned(),
            method: (*method).to_owned(),
            url: format!("{base_url}/{path}"),
            requires_authorization: true,
            requires_precheck: *precheck,
        };
        match sections.iter_mut().find(|known| known.name == section) {
            Some(known) => known.endpoints.push(endpoint),
            None => sections.push(ManagementSection { name: section.to_owned(), endpoints: vec![endpoint] }),
        }
    }
    DiscoveryBody {
        code: "tiersync".to_owned(),
        name: "tiersync".to_owned(),
        description: "Account synchronization for resellers, their end customers and direct customers.".to_owned(),
        reseller_support_enabled: reseller_support,
        base_url: base_url.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        management_sections: sections,
    }
}
