// Package recording is the recorded streams of one application instance: files
// in one folder, recorded from live streams as FLV or put there by an operator.
//
// A stream called "name" is the file "name.flv"; names may have folders in
// them. What a name means when it is recorded more than once:
//
//   - record replaces the file, once the new recording has something in it;
//   - append goes on at the file's end, appendWithGap after the time that has
//     passed since;
//   - recording every stream (spec.recording.mode All) starts a new file each
//     time, "name-20060102T150405Z.flv" (UTC), and replaces nothing;
//   - a publisher whose server was lost, and who goes on with the publication that it had,
//     goes on in the newest dated file, where that was interrupted;
//   - a publisher that takes over from another goes on in its file, at once behind
//     it or, of appendWithGap, after the time that has passed since;
//   - playing "name" takes name.flv or the newest dated file, whichever was
//     written last. A dated file has a name too and plays by it.
//
// Files of other formats have their format's name before theirs: "mp4:name" is
// name.mp4, or else name.f4v, name.m4v or name.mov, and "mp3:name" is name.mp3.
// A whole file name plays that file.
//
// OpenFile opens what a name stands for, and package playback plays it.
//
// A recorder writes in a goroutine of its own, so that a slow disk stops no
// player; what it has written is on its way to the disk within a second. A folder
// is made with the first packet that is written into it, and goes with its last
// file.
//
// A store may be opened before its folder is there; the first recording makes it.
// A folder inside that has a file ".instance" in it is that of another instance,
// and what lies there has no name here: see Claims.
//
// A journal in the folder (".recording", a small file for each recording that is
// being written) tells the next server what was not finished. That is mended
// before it is played, and beside the start, which costs the same whatever lies in
// the folder. A file that no journal tells of says itself, to one small read, that
// it is not finished.
//
// List, Find and Delete are for operators: there a name means its own file, and
// never the newest of several.
//
// The package knows files and time. Which streams are recorded is instance's
// to say, and what clients are told is session's.
package recording
