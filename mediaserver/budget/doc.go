// Package budget bounds what a process spends on those who have not shown that
// they may spend it: bytes held for a client, places, files, the processor's
// time for its questions, guesses at a key. A budget is counted for the process
// as a whole, and shared out so that no connection takes all of it: little
// before a connection has shown that it may publish, and all of it comes back
// when the connection ends.
//
// Whoever spends asks before and gives back after; nothing here waits but a
// question for its turn, and who sends without having shown that it may publish.
// What a budget is for, and what a client is told that finds it used up, is said by
// the room that spends.
package budget
