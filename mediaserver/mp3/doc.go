// Package mp3 reads recorded MP3 files as a media.File: frames of MPEG audio,
// layer III, whatever tags and damage are around them. Each frame is an RTMP
// message, with the one byte of FLV before it.
//
// References named [FLV] are to Adobe's Flash Video File Format 10.1, [MPEG] to
// ISO/IEC 11172-3 and 13818-3, [ID3] to id3.org's ID3 tag version 2.
//
// It writes no file, and decodes no sound. Which file belongs to a name is
// recording's.
package mp3
