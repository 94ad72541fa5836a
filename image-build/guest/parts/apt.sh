# How apt is asked: as this machine's says where Debian's packages are, with what is installed here of no interest and
# lists of its own, for the architecture that is built for.
state=$work/apt
apt=(
  -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state" -o Dir::Cache::archives=archives
  -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=root
  -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::Retries=5 -o APT::Update::Error-Mode=any
)
