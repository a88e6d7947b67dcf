// Package studio serves the page that publishes one stream, from a camera, a screen or a
// file of whoever opens it, by the SDK. It chooses what this browser can do, says what it
// cannot and why, and what goes out.
//
// What publishing needs, the page sends with its first command, and nowhere else: a key is
// in no address. This package knows nothing of streams or of the server that it is part
// of, and decides no address: who mounts Handler does.
package studio
