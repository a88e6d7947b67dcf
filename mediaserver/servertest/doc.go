// Package servertest is for tests of the media server by its doors, as
// net/http/httptest is for those of HTTP: a [Client] whose messages of RTMP come
// as words, [Ask] for HTTP, a [Log] that a test may look at while it is written,
// [WriteFiles] for applications, and [WriteFLV] for recordings that nobody has
// recorded.
//
// Tests of several packages need it; the linter keeps it out of everything else.
// Tests inside the packages that it imports itself cannot.
package servertest
