// Package replay plays a recording: it offers the events and spans of a file to a ring view, each when its time has come
// on a clock of its own. The clock runs at a tenth to a hundred times the speed of real time, stands still while the
// player is paused, and can be taken on event by event.
//
// `conductor replay` gives the view the player's Clock, so that nobody falls silent because a reader takes their time.
// conductor/web offers the player's commands. Going back is not the player's: what has been played is in the history.
//
// A Player reads one message ahead, and never more than the view takes: a view that is behind is waited for.
package replay
