// Package budget bounds what a process spends on those who have not shown that
// they may spend it: bytes held for a client, places, files. A budget is counted
// for the process as a whole, and shared out so that no connection takes all of
// it.
//
// Whoever spends asks before and gives back after; nothing here waits. What a
// budget is for, and what a client is told that finds it used up, is said by the
// room that spends.
package budget
