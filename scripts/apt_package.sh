# Sourced. Fetches packages by package lists of our own: nothing is added to the system's sources or architectures.

# A mirror of the distribution ($1: debian or ubuntu) that the system uses; "" where it uses none.
apt_mirror() {
  { grep -rhoE "https?://[^ ]+/$1/?( |\$)" /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true; } |
    { grep -v security || true; } | head -n 1 | tr -d ' '
}

# apt_packages FOLDER SOURCE ARCHITECTURE PACKAGE...: puts the packages' .deb files into FOLDER. SOURCE is a line of a
# sources.list without its "deb". Returns 1 where it cannot.
apt_packages() {
  local folder=$1 source=$2 architecture=$3
  shift 3
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
  : >"$folder/status"
  echo "deb $source" >"$folder/sources.list"
  local options=(-o "Dir::Etc::SourceList=$folder/sources.list" -o "Dir::Etc::SourceParts=-"
    -o "Dir::State::Lists=$folder/lists" -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder/cache"
    -o "APT::Sandbox::User=" -o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture")
  (cd "$folder" && apt-get -q "${options[@]}" update >&2 && apt-get -q "${options[@]}" download "$@" >&2)
}
