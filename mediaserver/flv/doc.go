// Package flv reads, writes, indexes and repairs FLV files, and knows what the
// first bytes of an audio or video payload say, which is the same in a file and
// in an RTMP message. References named [FLV] are to Adobe's Flash Video File
// Format 10.1, [E2] to Enhanced RTMP v2.
//
// It works on one file or payload at a time. Names, folders and rules about
// which file to write are recording's.
package flv
