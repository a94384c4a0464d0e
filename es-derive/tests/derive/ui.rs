//! One passing and one failing case per attribute; the messages are part of what is promised.

#[test]
fn every_attribute_is_accepted_where_it_is_right_and_explained_where_it_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
