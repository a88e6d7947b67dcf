// Package plan says what an event of many viewers needs, from what one server was measured
// to take: how many edges in which tiers, what each part of it is used at, how long it
// takes until everybody is in, and what it costs.
//
// It is arithmetic and a queue that is stepped second by second, and measures nothing. Its
// figures are as good as its inputs: command bench measures those (row edges), and checks
// the arithmetic against a tree of servers on one machine (row tree).
package plan
