// Package charset reads and writes text of before UTF-8, as old scripts, files and other
// servers have it: Latin-1, Windows-1252 and UTF-16. All inside of the house is UTF-8.
//
// It knows bytes and characters alone: whose text it is, and what says how it is written,
// the callers know.
package charset
