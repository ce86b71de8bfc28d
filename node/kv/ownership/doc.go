// Package ownership decides what a member of the ring owns: its ownership register, the table of what others own, and
// what becomes of both when ownerships contest each other or an owner dies. It is a state machine: methods take what
// has happened and the time, change the state, and return as Effects what the caller has to do in consequence. It makes
// no calls, has no lock and starts no task; package kv does all that.
//
// A member owns (from, its own identifier], according to its register, or nothing. The register is not derived from the
// predecessor pointer: it changes only in the following ways, each with a new epoch, so that of two ownerships of a
// range the later one has the greater epoch (ties by identifier).
//
//	empty  ──the ring is founded──────────────────▶ the whole circle
//	empty  ──claim, then the owner's handoff──────▶ the owner's range up to the claimer's identifier
//	owner  ──handoff to a claimer─────────────────▶ what is left above the claimer
//	owner  ──drain: handoff to a member that stays▶ empty
//	owner  ──the owner of the range below is dead─▶ extended by exactly that range, needs recovery (TakeOver)
//	owner  ──another live owner overlaps──────────▶ trimmed, or raised over it and needs recovery (Yield)
//	empty  ──no member of the ring owns anything──▶ the whole circle, needs recovery (TakeOver)
//
// Every call of an owner carries its ownership. A member that knows of an overlapping one that beats it refuses the
// call and returns that one (Meet); the caller then asks that owner and either yields or raises its epoch (Resolve).
// Ownerships received are kept in the table: they show a successor what a dead owner owned, even without any replica.
// What others report of an owner only makes a member ask that owner, and counts if it is dead (referrals.go).
package ownership
