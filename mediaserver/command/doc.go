// Package command is the command line of flashpod: flags, texts, exit codes and
// what a person sees of a conversation, one file a command (serve.go,
// publish.go, play.go, recordings*.go).
//
// Main calls Execute, and nothing else imports the package. It owns no protocol
// and no server: the commands that serve put one together with package server,
// those of a client speak through package rtmp, and those about recordings
// through the HTTP of package web. It never ends the process, which main does,
// and never logs what it returns as an error.
package command
