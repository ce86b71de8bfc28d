// Package eventlog records what was applied to the fold, so that the ring can be shown as it was at any instant.
//
// The conductor passes a [History] to package live as its Recorder, and package web queries it for the past. It keeps a
// second fold of its own, so that it needs nothing from the first but the same events in the same order.
//
// The history is a sequence of segments. A segment begins with a checkpoint of the whole fold; all events that changed
// something and all Advances follow, with the instants at which they arrived. To show the ring at an instant, the
// segment's checkpoint is restored and the entries up to that instant are applied. A segment holds 10,000 entries, in a
// ring of more than 1,000 members ten for each, or ten minutes: so the time of a seek depends on the size of the ring,
// tens of milliseconds for 1,000 members, and not on the length of the history. Members that are gone and not yet
// forgotten count, too. Longer segments would take less room, since checkpoints are two fifths of it, and make seeks
// slower.
//
// In memory, the oldest segments are dropped when all together exceed Options.MaxBytes or Options.MaxAge. With a
// directory each segment is a file; those of earlier runs remain readable. A file is written in frames, four times a
// second, and synced twice a second: a kill at any byte loses what was not yet written and nothing before it, and a
// crash of the machine loses a second at most.
//
// What is on disk is not trusted. Frames are chained by checksums, segments by the header of the next, and a manifest
// names the record, the oldest and the newest segment, so that a change of any byte, and a file that is missing,
// renamed, duplicated or of another record, is noticed: queries for the instants concerned get a [DamagedError], all
// others are answered as ever. Nothing that cannot be read is deleted; it is renamed to *.damaged.
//
// The fold never waits. Entries wait in a bounded queue for the one goroutine that writes; what does not fit is not
// recorded, and counted: in the past the members concerned are then uncertain until their next keyframe, as they are
// when telemetry is lost.
package eventlog
