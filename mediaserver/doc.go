// Command flashpod is the media server: the program in the media pod, and the
// same one on a laptop. Package command is its command line; packages below it
// do the work, and server puts them together.
package main
