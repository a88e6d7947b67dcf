// Package pages serves the pages of a stream, one for each name that a stream may have:
// what is the same of the page that plays it and of the page that publishes it. That is
// the way from an address to an application, an instance and a stream, the files that a
// page is made of, the looks in light and dark, and what a browser is told of what a
// page may do.
//
// It knows nothing of streams or of the server that it is part of, and decides no
// address: who mounts Handler does.
package pages
