// Package asset answers requests for files that are built into the program: pages,
// scripts and style sheets, with an entity tag, so that a browser that asks again gets
// one only when it has changed. It knows no addresses, and says nothing of who may
// load a file: who serves it sets such headers before.
package asset
