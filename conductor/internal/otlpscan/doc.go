// Package otlpscan scans an OTLP request before it is decoded, and bounds the cost of decoding it: the depth of the
// decoder's recursion, and the memory of the decoded form.
//
// Attribute values (AnyValue) nest. The decoders follow that nesting by recursion and have no limit of their own, so
// that a few megabytes end the process with a stack overflow, which cannot be recovered from. A scan counts the levels
// alike in protobuf and in JSON: the same request gets the same result in both.
//
// A scan has the schema. It does not enter strings and bytes, takes time linear in the body, allocates nothing, and is
// never more lenient than the decoders: any input that a decoder could parse as another structure than the scan does
// (an empty field name, a broken escape, an object in place of a number) is ErrMalformed. conductor/ingest and
// conductor/recording call it. It does no I/O.
package otlpscan
