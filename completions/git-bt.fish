# Completion for `git-bt`, and for `git bt <TAB>`: fish's own completion of git asks for git-bt's (that
# of fish 3.6 asks for it under a wrong name, so there only `git-bt <TAB>` completes).
#
# The candidates come from git-bt itself, one `type,value<TAB>help` a line. Where it has none (a path,
# an id) file names follow.

function __git_bt_complete
    set -l response (env _GIT_BT_COMPLETE=fish_complete COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -t) \
        git-bt 2>/dev/null)
    if test -z "$response"
        __fish_complete_path (commandline -ct)
    end
    for line in $response
        set -l fields (string split --max 1 "," -- $line)
        switch $fields[1]
            case plain
                echo $fields[2]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
        end
    end
end

complete --no-files --command git-bt --arguments "(__git_bt_complete)"
