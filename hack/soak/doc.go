// Command soak runs the media server for long under everything that clients do
// to it, and looks for what it does not give back: goroutines, files, memory.
//
// It starts bin/flashpod (server.go) on ports of the kernel's choosing, with
// recording on, and is every client itself (crew.go): publishers and players
// that connect and disconnect at random, and ones that stop reading, disconnect in
// the middle of a message or of a handshake, or talk nonsense. Every frame says what it
// should be (frame.go), so a torn or missing one is found where it arrives.
// What the server holds is read from its /metrics (sample.go) every ten
// seconds; at the end all clients disconnect, and the verdict (verdict.go) is that
// goroutines and files are back at the idle figure, that memory did not grow,
// and that the log has neither a panic nor a data race.
//
// With -stalled it shows another thing (stalled.go): that players who stopped
// reading cost no memory, cost a healthy player nothing, and are closed.
//
// It knows the server by its door alone, and links none of it but the packages
// that encode RTMP.
package main
