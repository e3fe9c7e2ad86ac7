//! `choice!`: a closed set of words, with its reader and its JSON Schema.

/// Declares a set of words. Words after `later` are known but have no effect yet: they are warned of and read as none.
macro_rules! choice {
    ($(#[$about:meta])* $vis:vis enum $name:ident {
        $( $(#[$doc:meta])* $word:literal => $variant:ident, )*
    } later [$($later:literal),*]) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $( $(#[$doc])* $variant, )* }

        impl $name {
            const WORDS: &[&str] = &[$($word),*];
            const LATER: &[&str] = &[$($later),*];
        }

        impl $crate::text::FromNode for $name {
            fn read(
                node: &$crate::text::tree::Node,
                path: &str,
                reading: &mut $crate::text::Reading<'_>,
            ) -> Option<Self> {
                if let $crate::text::tree::Value::Scalar { text, .. } = &node.value {
                    match text.as_str() {
                        $( $word => return Some(Self::$variant), )*
                        word if Self::LATER.contains(&word) => {
                            let path = format!("{path}: {word}");
                            reading.warn(node.line, $crate::text::Fault::Later { path });
                            return None;
                        }
                        _ => {}
                    }
                }
                reading.wrong_type(node, path, &format!("one of {}", Self::WORDS.join(", ")))
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words: Vec<&str> = Self::WORDS.iter().chain(Self::LATER).copied().collect();
                schemars::json_schema!({"type": "string", "enum": words})
            }
        }
    };
}

pub(crate) use choice;
