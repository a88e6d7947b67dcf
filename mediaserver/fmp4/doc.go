// Package fmp4 writes MP4 from the payloads of RTMP messages: what a track is, from
// the sequence header or the first frame that describes it; fragmented, the
// initialization segment of one or more tracks, and fragments of their frames; and
// the head of a whole file, whose samples lie in another one as they are (Table).
// References named [ISO] are to ISO/IEC 14496-12, [ISO15] to 14496-15, and [6381]
// to RFC 6381, by which players are told of codecs.
//
// A decoder's configuration is put into the file as it was published, so that
// nothing of it is lost: NAL units keep the size of their lengths, and there may be
// any number of parameter sets. What has to be known of it besides (the size of
// pictures, the rate of sound) is read by mediacommon.
//
// It writes to memory alone, keeps nothing of what it is given but a Track's own
// description, and knows neither streams nor files. Package mp4 reads such files.
package fmp4
