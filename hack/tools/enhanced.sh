#!/usr/bin/env bash
# enhanced.sh: prints which codecs of Enhanced RTMP the installed ffmpeg cannot write into FLV, as CODEC|CODEC|…; nothing when it
# writes all of them. Pictures it writes since 6.1, sound since 8.0, and each only where the encoder was built in.
set -euo pipefail

# The encoders that hack/e2e/clients publishes with.
declare -A encoders=(
	[hevc]=libx265 [av1]=libaom-av1 [vp9]=libvpx-vp9
	[opus]=libopus [flac]=flac [ac3]=ac3 [eac3]=eac3
)

lacks=()
for codec in $(printf '%s\n' "${!encoders[@]}" | sort); do
	case $codec in
	hevc | av1 | vp9) picture_or_sound=(-f lavfi -i "testsrc2=s=160x90:r=25" -pix_fmt yuv420p -c:v "${encoders[$codec]}") ;;
	*) picture_or_sound=(-f lavfi -i "sine=r=48000" -c:a "${encoders[$codec]}") ;;
	esac
	ffmpeg -v quiet -nostdin "${picture_or_sound[@]}" -t 0.1 -f flv - >/dev/null 2>&1 || lacks+=("$codec")
done
IFS='|'
echo "${lacks[*]}"
