//! [`conformance!`]: the whole table of cases as tests.

/// Expands to one test for each case, run on a subject that the expression makes anew, and one more that lists what
/// was skipped. Call it in a module of its own for each subject: see [`Subject`](crate::Subject).
#[macro_export]
macro_rules! conformance {
    ($subject:expr) => {
        $crate::__each_case! { __tests [$subject] }
    };
}

/// What [`conformance!`] makes of the table.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ([$subject:expr] $($module:ident { $($name:ident [$($ability:ident),*],)* })*) => {
        $($(
            #[test]
            fn $name() {
                $crate::__run_as_test(stringify!($name), || Box::new($subject));
            }
        )*)*

        #[test]
        fn what_is_skipped_is_listed() {
            $crate::__list_skipped(|| Box::new($subject));
        }
    };
}

/// What [`Case::all`](crate::Case::all) makes of the table.
#[doc(hidden)]
#[macro_export]
macro_rules! __cases {
    ([] $($module:ident { $($name:ident [$($ability:ident),*],)* })*) => {
        vec![$($(
            $crate::Case {
                name: stringify!($name),
                needs: &[$($crate::Ability::$ability),*],
                test: |subject| Box::pin($module::$name(subject)),
            },
        )*)*]
    };
}
