// Package otlpscan scans an OTLP request before it is decoded, and bounds the cost of decoding it: the depth of the
// decoder's recursion, and the memory of the decoded form.
//
// Attribute values (AnyValue) nest. The decoders follow that nesting by recursion and have no limit of their own, so
// that a few megabytes can end the process with a stack overflow, from which Go cannot recover. A scan counts the
// levels alike in protobuf and in JSON: the same request gets the same result in both.
//
// A scan knows the schema of OTLP. It does not read the contents of strings and bytes as messages, takes time linear in
// the body, and allocates nothing. It is never more lenient than the decoders: any input in which a decoder could find
// another structure than the scan does (an empty field name, a broken escape, an object in place of a number) is
// ErrMalformed. conductor/ingest and conductor/recording call it. It does no I/O.
package otlpscan
