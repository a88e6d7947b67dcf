// Package dialect makes old server-side ActionScript loadable by an engine of
// today. Scripts of Flash Communication Server were written for SpiderMonkey:
// ECMA-262 edition 3 and JavaScript 1.5, with forms that no later edition has.
// [Rewrite] reads a file in any encoding that such files have, parses it, and
// gives a source for QuickJS in which every line has the number that it had.
// What can be had at run time is emulated by [Prelude], a source that is run
// once in each runtime before any other; [Scripts] is the other half of it,
// through which sources that a script makes itself (eval, new Function) are
// rewritten too, and functions show the text that their author wrote. What can
// be neither is refused when the file is loaded, with its line, never at some
// later call.
//
// A runtime gets Scripts.Hook as the global function HookName, and then runs
// Prelude. Each file is rewritten, added to Scripts, and run. Hook is called
// in the runtime's own goroutine.
//
// Which form is had in which way stands in DIALECT.md, which a test fills.
// Whoever loads scripts into an engine calls this package before, and so does
// who tells what a folder uses. It runs no script, reads no file, and knows
// nothing of applications and clients. A file may be
// written by anybody: what is read has a limit of size (MaxSize) and of depth
// (MaxDepth), and takes time and memory in proportion to its size.
package dialect
