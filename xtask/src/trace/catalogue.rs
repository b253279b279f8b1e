//! What `trace/` says: requirements, outside ids, threats. Only forms are checked here; links are `links`' task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tidy::Tree;

/// The files.
pub(crate) const REQUIREMENTS: &str = "trace/requirements.toml";
pub(crate) const THREATS: &str = "trace/threats.toml";
const CATALOGS: &str = "trace/catalog/";

/// Who answers for a requirement.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Who {
    /// The library proves it.
    L,
    /// The library provides it and the maker configures it.
    C,
    /// The part has to have it.
    H,
    /// The maker's own process.
    M,
    /// Nobody here.
    N,
}

impl Who {
    pub(crate) const fn letter(self) -> &'static str {
        match self {
            Self::L => "L",
            Self::C => "C",
            Self::H => "H",
            Self::M => "M",
            Self::N => "N",
        }
    }
}

/// How a requirement is verified.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verify {
    /// Examples that must hold.
    Test,
    /// Every case of a stated space.
    Exhaustive,
    /// Drawn cases against an oracle.
    Drawn,
    /// Vectors from outside.
    Vectors,
    /// Programs that must not compile.
    CompileFail,
    /// A measurement or a proof over the built image.
    Image,
    /// A rule over the sources.
    Sources,
    /// Reading; there is nothing to run.
    Reading,
}

impl Verify {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Exhaustive => "exhaustive",
            Self::Drawn => "drawn",
            Self::Vectors => "vectors",
            Self::CompileFail => "compile-fail",
            Self::Image => "image",
            Self::Sources => "sources",
            Self::Reading => "reading",
        }
    }
}

/// One testable sentence and what it hangs on.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) parents: Vec<String>,
    #[serde(rename = "crate")]
    pub(crate) package: String,
    pub(crate) who: Who,
    #[serde(default)]
    pub(crate) verify: Option<Verify>,
    /// `path` or `path::item`.
    #[serde(default)]
    pub(crate) code: Vec<String>,
    /// Show that it works.
    #[serde(default)]
    pub(crate) tests: Vec<String>,
    /// Show that the attack on it fails.
    #[serde(default)]
    pub(crate) thwart: Vec<String>,
    /// Patches without the control, or tests of a build without it: there the attack succeeds.
    #[serde(default)]
    pub(crate) weakening: Vec<String>,
    /// Why there is no weakening.
    #[serde(default)]
    pub(crate) no_weakening: Option<String>,
    /// Why it is not here yet; such a row has nothing to show.
    #[serde(default)]
    pub(crate) not_yet: Option<String>,
}

/// What is done about a threat of the outside catalogue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Disposition {
    /// By a control here, with an attack that fails.
    Mitigated,
    /// The device's maker or owner has to.
    Integrator,
    /// The part has to.
    Hardware,
    /// Nothing of the kind is here.
    NotApplicable,
    /// It will be, and is not.
    NotYet,
}

impl Disposition {
    pub(crate) const ALL: [Self; 5] =
        [Self::Mitigated, Self::Integrator, Self::Hardware, Self::NotApplicable, Self::NotYet];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Mitigated => "mitigated",
            Self::Integrator => "integrator",
            Self::Hardware => "hardware",
            Self::NotApplicable => "not applicable",
            Self::NotYet => "not yet",
        }
    }
}

/// A threat of the outside catalogue and what is done about it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Threat {
    pub(crate) id: String,
    pub(crate) disposition: Disposition,
    /// What remains, or why nothing is done here.
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) by: Vec<String>,
    /// Tests in which the attack fails.
    #[serde(default)]
    pub(crate) attacks: Vec<String>,
}

/// A threat to what is built, in our own words.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) id: String,
    pub(crate) area: String,
    pub(crate) actor: String,
    pub(crate) threat: String,
    /// Ids of outside catalogues.
    pub(crate) ids: Vec<String>,
    pub(crate) by: Vec<String>,
    pub(crate) attacks: Vec<String>,
    pub(crate) residual: String,
}

/// An outside catalogue: ids with our own words for each.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalog {
    pub(crate) title: String,
    /// Stands before each id where it is cited.
    pub(crate) prefix: String,
    pub(crate) edition: String,
    pub(crate) date: String,
    /// What was read, and what is ours in it.
    pub(crate) source: String,
    pub(crate) ids: BTreeMap<String, String>,
    /// Mitigations that the catalogue itself names for an id.
    #[serde(default)]
    pub(crate) mitigations: BTreeMap<String, Vec<String>>,
}

/// All of `trace/`.
#[derive(Clone)]
pub(crate) struct Catalogue {
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) threats: Vec<Threat>,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) catalogs: Vec<Catalog>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequirementsFile {
    requirement: Vec<Requirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThreatsFile {
    threat: Vec<Threat>,
    scenario: Vec<Scenario>,
}

impl Catalogue {
    /// Reads all of it.
    pub(crate) fn read(tree: &Tree) -> Result<Self, String> {
        let RequirementsFile { requirement } = parse(REQUIREMENTS, tree.text(REQUIREMENTS))?;
        let ThreatsFile { threat, scenario } = parse(THREATS, tree.text(THREATS))?;
        let files = tree.files.iter().filter(|file| file.path.starts_with(CATALOGS));
        let catalogs: Result<_, _> =
            files.map(|file| parse(&file.path, Some(file.text.as_str()))).collect();
        Ok(Self {
            requirements: requirement,
            threats: threat,
            scenarios: scenario,
            catalogs: catalogs?,
        })
    }

    /// Every outside id as it is cited, with its words.
    pub(crate) fn ids(&self) -> BTreeMap<String, &str> {
        let cited = self.catalogs.iter().flat_map(|catalog| {
            let ids = catalog.ids.iter();
            ids.map(|(id, words)| (format!("{}{id}", catalog.prefix), words.as_str()))
        });
        cited.collect()
    }

    /// The catalogue of threats: the one that names mitigations.
    pub(crate) fn threat_catalog(&self) -> Option<&Catalog> {
        self.catalogs.iter().find(|catalog| !catalog.mitigations.is_empty())
    }

    /// The requirement of an id.
    pub(crate) fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| requirement.id == id)
    }
}

fn parse<T: for<'a> Deserialize<'a>>(path: &str, text: Option<&str>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{path} is missing"))?;
    toml::from_str(text).map_err(|e| format!("{path}: {e}"))
}
