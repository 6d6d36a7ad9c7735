# A package that was removed and not purged comes back with the version before, as an
# upgrade does: postinst could not tell them apart.
case $1 in
install) : >"$comes_back" ;;
*) ;;
esac
