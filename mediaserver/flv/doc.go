// Package flv reads, writes, indexes and repairs FLV files. References named
// [FLV] are to Adobe's Flash Video File Format 10.1.
//
// It works on one file at a time. What the payloads of its tags say, package
// payload knows; names, folders and rules about which file to write are
// recording's.
package flv
