// Package history remembers what the fold was told, so that the ring can be seen as it was at any instant.
//
// The conductor hands a [History] to package live as its Recorder, and package web asks it for the past. It keeps a
// second fold of its own, so that it needs nothing from the first but the same events in the same order.
//
// What is kept is a row of chapters. A chapter begins with a checkpoint of the whole fold; all events that told
// something new and all Advances follow, with the instants at which they came. To see the ring at an instant is to
// restore the chapter's checkpoint and to apply what follows up to it. A chapter holds 10,000 entries, in a ring of more
// than 1,000 members ten for each, or ten minutes: so a seek takes time by the size of the ring, tens of milliseconds for
// 1,000 members, and not by the length of the history. Members that are gone and not yet forgotten count, too. Longer
// chapters would take less room, since checkpoints are two fifths of it, and make seeks slower.
//
// In memory, chapters are dropped from the oldest on when they exceed Options.MaxBytes or Options.MaxAge. With a
// directory each chapter is a file; what is there when the program starts again remains readable. A file is written in
// frames, four times a second, and synced twice a second: a kill at any byte loses what was not yet written and nothing
// before it, and a crash of the machine loses a second at most.
//
// What is on disk is not trusted. Frames are chained by checksums, chapters by the header of the next, and a manifest
// names the record, the oldest and the newest, so that a change of any byte, and a file that is missing, renamed, doubled
// or of another record, is noticed: the instants concerned are answered with a [DamagedError], all others as ever. Nothing that
// cannot be read is deleted; it is renamed to *.damaged.
//
// The fold is never made to wait. Entries wait in a bounded queue for the one goroutine that writes; what does not fit
// is not recorded, and counted: in the past the members concerned are then uncertain until their next keyframe, as they
// are when telemetry is lost.
package history
