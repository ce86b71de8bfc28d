// Package replay plays a recording: it offers the events and spans of a file to a ring view, each at its time on a
// clock of its own. The clock runs at a tenth to a hundred times the speed of real time, stops while the player is
// paused, and can be advanced event by event.
//
// `conductor replay` gives the player's Clock to the view, so that members do not become silent while the replay is
// paused. conductor/web offers the player's commands. The player does not go back: what has been played is in the
// history.
//
// A Player reads one message ahead, and offers no more than the view accepts: if the view is behind, the player waits.
package replay
