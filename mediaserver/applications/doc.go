// Package applications reads a folder of applications as Flash Media Server had it:
// each folder in it is one, with a script (main.asc), perhaps an Application.xml, and
// streams and shared objects below it. It says what there is, and what of an
// Application.xml this server has an equivalent of.
//
// The server and the command line call it at their start. It reads names and
// configuration, runs nothing, and writes nothing.
package applications
