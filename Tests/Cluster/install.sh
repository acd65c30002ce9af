#!/usr/bin/env bash
# launch/install: the tree runs without toolchain and clone, moved, read-only, as another user; manual page, completion, module file.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../EndToEnd/common.sh"

prefix=$work/first/prefix
# A toolchain without its license text: told before anything is built or written.
mkdir "$work/proxy" "$work/odd"
printf '#!/bin/sh\necho '\''    "runtimeResourcePath": "/nowhere/usr/lib/swift"'\''\n' >"$work/odd/swift"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(command -v swift)" >"$work/proxy/swift" # as swiftly's
chmod +x "$work/odd/swift" "$work/proxy/swift"
PATH=$work/odd:$PATH "$root/launch/install" "$prefix" >"$work/out" 2>&1 </dev/null
status=$?
if [ "$status" = 2 ] && [ "$(wc -l <"$work/out")" = 1 ] && grep -q '/nowhere/usr/share/swift/LICENSE.txt' "$work/out" && [ ! -e "$work/first" ]; then
  ok "a toolchain without its license text"
else
  bad "a toolchain without its license text" "exit $status: $(cat "$work/out")"
fi
if ! (umask 077 && "$root/launch/install" "$prefix") >"$work/out" 2>&1 </dev/null; then
  bad "launch/install" "$(cat "$work/out")"
  finish
fi
bytes=$(du -sb "$prefix" | cut -f 1)
if [ "$bytes" -lt 40000000 ]; then ok "$(grep '^installed:' "$work/out")"; else bad "the tree's size" "$bytes bytes"; fi
if grep -q 'libopenblas' "$work/out" && ! ldd "$prefix/bin/deeprfm" | grep -e libswift -e 'not found' >/dev/null; then
  ok "what it needs of the system is told, and is not Swift's"
else
  bad "libraries" "$(cat "$work/out"; ldd "$prefix/bin/deeprfm")"
fi
if grep -rqF -e "$prefix" -e "$root" "$prefix/bin/deeprfm-run" "$prefix/share"; then bad "relocatable" "$(grep -rlF -e "$prefix" -e "$root" "$prefix")"; else ok "no file names where it is"; fi
closed=$(find "$prefix" ! -type l ! -perm -o=r -o -type d ! -perm -o=x)
if [ -z "$closed" ]; then ok "installed with umask 077, for all to read"; else bad "for all to read" "$closed"; fi
if PATH=$work/proxy:$PATH "$root/launch/install" "$prefix" >"$work/out" 2>&1 </dev/null; then ok "installed over itself, by a toolchain's proxy"; else
  bad "installed over itself, by a toolchain's proxy" "$(cat "$work/out")"
fi

# --- elsewhere: no toolchain, no clone, no environment ---
toolchain=$(swift -print-target-info | sed -n 's|.*"runtimeResourcePath" *: *"\(.*\)/lib/swift".*|\1|p') # behind swiftly's proxy, too
if [ ! -d "$toolchain" ]; then
  bad "the toolchain" "does not say where it is"
  finish
fi
elsewhere() { # COMMAND...
  if ! unshare --mount true 2>/dev/null; then "$@"; return; fi
  unshare --mount bash -c '
    mount --make-rprivate / && mkdir -p "$3/kept" && mount -t tmpfs none "$1" && { [ "$2" = /usr ] || mount -t tmpfs none "$2"; } && shift 3 && cd / && exec "$@"' \
    hide "$root" "$toolchain" "$work" "$@"
}
[ "$(id -u)" = 0 ] || echo "not root: toolchain and clone stay visible"
bare=(env -i PATH=/usr/bin:/bin)
runs() { # NAME PREFIX COMMAND...: trains all layers on the digits
  local name=$1 prefix=$2
  shift 2
  rm -rf "$work/place"
  mkdir -m 777 "$work/place"
  if (cd "$work/place" && elsewhere "$@" "$prefix/bin/deeprfm-run" -n 2 --threads 1 train --output "$work/place/run" >"$work/out" 2>&1 </dev/null) &&
    [ "$(wc -l <"$work/place/run/metrics.jsonl")" = 20 ] && grep -q '"ranks": 2' "$work/place/run/metrics.jsonl" && [ -s "$work/place/run/report.html" ]; then
    ok "$name: 20 layers on 2 ranks"
  else
    bad "$name" "$(tail -n 4 "$work/out")"
  fi
}
chmod 755 "$work"
runs "without toolchain and clone" "$prefix" "${bare[@]}"
chmod -R a-w "$prefix"
mkdir "$work/second"
chmod u+w "$prefix" # a folder that is moved must be writable by who moves it, unless that is root
mv "$prefix" "$work/second/moved place" && chmod u-w "$work/second/moved place"
prefix="$work/second/moved place"
if [ "$(id -u)" = 0 ]; then
  runs "moved, read-only, another user" "$prefix" setpriv --reuid=65534 --regid=65534 --clear-groups "${bare[@]}"
else
  runs "moved, read-only" "$prefix" "${bare[@]}"
fi
if find "$prefix" -newer "$work/place" -type f | grep . >/dev/null; then bad "the tree" "was written to"; else ok "nothing was written to the tree"; fi

# --- what else is in bin ---
rm -rf "$work/place"
mkdir -m 777 "$work/place"
if (cd "$work/place" && elsewhere "${bare[@]}" "$prefix/bin/deeprfm-experiment" ablation --dataset digits --samples 200 --layers 1 --output "$work/place/runs" >"$work/out" 2>&1 </dev/null) &&
  [ -s "$work/place/runs/report.html" ]; then ok "deeprfm-experiment: three runs, one report"; else bad "deeprfm-experiment" "$(tail -n 4 "$work/out")"; fi
elsewhere "${bare[@]}" "$prefix/bin/deeprfm-experiment" --help >"$work/out" 2>&1
if grep -q '^deeprfm-experiment NAME' "$work/out" && ! grep -q 'launch/' "$work/out"; then ok "and it knows its own name"; else bad "its name" "$(cat "$work/out")"; fi

# --- manual page ---
page=$prefix/share/man/man1/deeprfm.1
if command -v man >/dev/null; then
  MANWIDTH=100 man -l --warnings=w -E UTF-8 "$page" >"$work/page" 2>"$work/err"
  if [ ! -s "$work/err" ] && grep -q '^NAME' "$work/page"; then ok "the manual page has no faults"; else bad "the manual page" "$(head -n 3 "$work/err")"; fi
else
  tr -d '\\' <"$page" >"$work/page"
fi
missing=''
commands=$("$prefix/bin/deeprfm" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
for command in $commands; do
  for option in $("$prefix/bin/deeprfm" "$command" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'); do
    grep -q -e "$option" "$work/page" || missing+=" $command $option"
  done
done
if [ -z "$missing" ]; then ok "every option of every command is in it"; else bad "the manual page" "without$missing"; fi

# --- completion ---
complete_bash() { # WORD...: what bash offers for the last one
  bash -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _deeprfm; printf "%s\n" "${COMPREPLY[@]}"' _ \
    "$prefix/share/bash-completion/completions/deeprfm" "$@" 2>&1 | sort | tr '\n' ' '
}
offers() { # NAME WANTED WORD...: WANTED is a pattern
  local name=$1 wanted=$2 found
  shift 2
  found=$(complete_bash "$@")
  if [[ " $found" =~ $wanted ]]; then ok "bash: $name"; else bad "bash: $name" "offers '$found'"; fi
}
offers "commands" ' predict .* train ' deeprfm ''
offers "the launcher's options" ' --hostfile ' deeprfm-run '--h'
offers "options" '^ --kernel $' deeprfm-run -n 2 train --ker
offers "values" '^ gaussian laplace $' deeprfm train --kernel ''
offers "one of several values" '^ gaussian laplace $' deeprfm tune --kernel ''
offers "what a command measures" '^ agop kernel machine network solve $' deeprfm bench ''
offers "forms of a command" '^ network tune $' deeprfm plan ''
offers "options of a form" '^ --architecture $' deeprfm plan network --archi
offers "values of a form's option" '^ mlp resnet18 vgg11 $' deeprfm plan network --architecture ''
offers "its own options' values" '^ bash zsh $' deeprfm --completion ''
offers "values after =" '^ gaussian $' deeprfm train --kernel = ga
offers "files" ' /etc/passwd ' deeprfm train --data /etc/passw
missing=''
for command in $commands; do
  for option in $("$prefix/bin/deeprfm" "$command" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'); do
    [[ " $(complete_bash deeprfm "$command" "$option")" = *" $option "* ]] || missing+=" $command $option"
  done
done
if [ -z "$missing" ]; then ok "bash: every option of every command"; else bad "bash" "not offered:$missing"; fi

if command -v zsh >/dev/null; then
  # A shell on a terminal of its own, asked by the Tab key.
  zsh -f -c '
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PS1=; fpath=(${(q)1} \$fpath); autoload -Uz compinit && compinit -u -d ${(q)2}; setopt no_beep; zstyle \":completion:*\" list-colors; LISTMAX=500; print re""ady"
    said=""; for ((try = 0; try < 200; try++)); do
      while zpty -rt shell part; do said+=$part; done
      [[ $said = *$'"'\n'"'ready* ]] && break
      sleep 0.1
    done
    for line in "deeprfm train --kernel " "deeprfm train --preconditioner-r" "deeprfm " "deeprfm-run -n 2 train --feat" "deeprfm bench "; do
      zpty -n -w shell "$line"$'"'\t\t'"'
      sleep 1.5
      said=""; while zpty -rt shell part; do said+=$part; done
      print -r -- "$line>> $said"
      zpty -n -w shell $'"'\x15'"'; sleep 0.2; while zpty -rt shell part; do :; done
    done' _ "$prefix/share/zsh/site-functions" "$work/zcompdump" >"$work/out" 2>&1
  sed -i $'s/\e\\[[0-9;?]*[a-zA-Z]//g; s/[\r\a]//g' "$work/out"
  for wanted in gaussian preconditioner-rank predict feature-scale machine; do
    if grep -q -e "$wanted" "$work/out"; then ok "zsh: $wanted"; else bad "zsh: $wanted" "$(tail -n 30 "$work/out")"; fi
  done
else
  echo "no zsh here: its completion is not tried"
fi

# --- module file ---
if command -v tclsh >/dev/null; then
  file=$(find "$prefix/share/modulefiles" -type f)
  tclsh <<TEXT >"$work/out" 2>&1
proc module-whatis args {}; proc prepend-path {name value} { puts "\$name=\$value" }; proc setenv {name value} { puts "\$name=\$value" }
set ModulesCurrentModulefile {$file}
source {$file}
TEXT
  # zsh exports no FPATH: a module that sets it sets it to one folder alone.
  if grep -qxF "PATH=$prefix/bin" "$work/out" && ! grep -q FPATH "$work/out"; then ok "the module file finds the tree"; else bad "the module file" "$(cat "$work/out")"; fi
fi
# Every text that NOTICE names is there.
missing=$(cd "$prefix/share/doc/deeprfm" && grep -oE 'LICENSE(\.[a-z-]+)?' NOTICE | sort -u | while read -r file; do [ -s "$file" ] || echo "$file"; done)
if [ -z "$missing" ] && grep -q 'CC BY' "$prefix/share/doc/deeprfm/NOTICE" && grep -q LICENSE.unicode "$prefix/share/doc/deeprfm/NOTICE"; then ok "license texts"; else bad "license texts" "missing: $missing of $(ls "$prefix/share/doc/deeprfm")"; fi
chmod -R u+w "$work/second"
finish
