// Package folders knows what lies in folders: their names, sorted as whoever asks
// wants them, so that a question about a folder of any size costs one look, and a
// page of it what the page is long.
//
// A folder is read when somebody asks for it first. From then on the kernel tells
// what comes and goes (inotify), and each question takes in what has been told
// until then. Where others may change files that this kernel hears nothing of, or
// where it has no more watches to give, the folder's own time says whether it is
// still the same. What is kept is bounded by a budget, and what was not asked for
// longest goes first; a folder too large to be kept is read for each question.
//
// It knows names and no more: what is in a file, and what a name means, is said
// above.
package folders
