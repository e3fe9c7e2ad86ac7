//! `section!`: one declaration gives the type of a mapping, its reader and its JSON Schema, so that the three never
//! disagree.

/// Declares a mapping. Each key has a doc line, its name in the file, its type and its default as JSON.
///
/// ```text
/// section! {
///     /// How CPU requests are made.
///     pub(crate) struct CpuSizing {
///         /// Share of samples that the request covers.
///         "quantile" => quantile: Quantile = 0.98,
///     }
/// }
/// ```
macro_rules! section {
    ($(#[$about:meta])* pub(crate) struct $name:ident {
        $( $(#[$doc:meta])* $key:literal => $field:ident : $type:ty = $default:tt, )*
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name {
            $(
                $(#[$doc])*
                #[schemars(rename = $key, extend("default" = serde_json::json!($default)))]
                pub(crate) $field: Option<$crate::text::At<$type>>,
            )*
        }

        impl $crate::text::FromNode for $name {
            fn read(
                node: &$crate::text::tree::Node,
                path: &str,
                reading: &mut $crate::text::Reading<'_>,
            ) -> Option<Self> {
                const KNOWN: &[&str] = &[$($key),*];
                let $crate::text::tree::Value::Mapping(entries) = &node.value else {
                    return reading.wrong_type(node, path, &format!("a mapping of {}", KNOWN.join(", ")));
                };
                let mut section = Self::default();
                for entry in entries {
                    let path_of_key = $crate::text::reading::join(path, &entry.key);
                    match entry.key.as_str() {
                        $(
                            // A key without a value is not set, as kubectl reads it.
                            $key if entry.node.value == $crate::text::tree::Value::Null => {}
                            $key => {
                                section.$field = <$type>::read(&entry.node, &path_of_key, reading)
                                    .map(|value| $crate::text::At { value, line: entry.line });
                            }
                        )*
                        unknown => reading.unknown_key(entry.line, path, unknown, KNOWN),
                    }
                }
                Some(section)
            }
        }
    };
}

pub(crate) use section;
