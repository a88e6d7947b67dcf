// Package mp4 reads recorded files of the ISO base media format as a
// media.File: MP4, F4V, M4V and MOV, with the tables of their samples in one
// place (progressive) or in fragments. What it gives are RTMP messages: the
// payload lies in the file as it is, and the few bytes before it are made here.
//
// References named [ISO] are to ISO/IEC 14496-12, [AVC] to 14496-15, [FLV] to
// Adobe's Flash Video File Format 10.1, [E2] to Enhanced RTMP v2.
//
// It writes no file, and decodes no media. Which file belongs to a name is
// recording's.
package mp4
