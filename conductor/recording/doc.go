// Package recording reads and writes OTLP in the framing of the Collector's file exporter (format: proto): each message
// is preceded by its length, four bytes, most significant first. So a Collector can read our recordings, and we can read
// its.
//
// `conductor --record FILE` writes with a Writer what the receiver takes in; `conductor replay FILE` reads with a Reader
// and plays at the pace of the recorded times. A message does not say which signal it is; Next finds out, since the three
// kinds cannot be taken for one another once they hold anything.
//
// Foreign bytes are not trusted: a length beyond the bound, a truncated message, or one that is no OTLP is an error that
// names its offset, and nothing is allocated for it beyond what was read.
package recording
