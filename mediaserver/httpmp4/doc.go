// Package httpmp4 serves recorded streams as MP4 files over HTTP, with ranges, so that
// players of the web seek in them.
//
// A recording that lies there as MP4 is sent as it is. One that is FLV is not copied: its
// tags are read once, as far as they say what they are, for the head of an MP4 file
// (tables of where each sample lies, and when it is shown), and behind that head the bytes
// of the file itself are sent. Samples are the same in both; what stands between them in
// FLV, and tracks that are left out, is passed over by players. So the length of the
// answer is known beforehand, a range of it is a range of the file, and the same file
// gives the same bytes, whoever asks and whichever server is asked.
//
// Heads are kept as long as a budget pays for them. A file that is still written is
// answered as far as it went some seconds ago at most, whole and without ranges: with the
// next tag it would be another file. What MP4 cannot hold is left out, and the answer says so in
// Flashpod-Left-Out; where nothing remains, it is refused.
//
// The package knows HTTP and files that are open. Who may see what, and where it is,
// whoever serves says: see [outlet.House]. It sets no header for pages of other origins.
package httpmp4
