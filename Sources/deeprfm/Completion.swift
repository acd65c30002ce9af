/// `deeprfm --completion bash|zsh`: what the shell offers after `deeprfm` and `deeprfm-run`.
enum Completion: String {
  case bash, zsh

  func script(for commands: [CommandHelp]) -> String {
    switch self {
    case .bash: Self.bashScript(commands)
    case .zsh: Self.zshScript(commands)
    }
  }

  // MARK: bash

  private static func bashScript(_ commands: [CommandHelp]) -> String {
    let names = commands.filter { !$0.isForm }.map(\.name).joined(separator: " ")
    let forms = commands.filter(\.isForm).map { bashWord($0.name) }.joined(separator: " | ")
    let cases = BashCases(commands)
    return """
      # bash completion of deeprfm and deeprfm-run: deeprfm --completion bash
      _deeprfm() {
        local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' options='' values='' words='' index
        # --option=value comes as three words.
        if [ "$word" = '=' ]; then word=''; elif [ "$before" = '=' ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
        for ((index = 1; index < COMP_CWORD; index++)); do
          case " \(names) " in *" ${COMP_WORDS[index]} "*) command=${COMP_WORDS[index]}; break ;; esac
        done
        # A command of two words.
        if ((index + 1 < COMP_CWORD)); then
          case "$command ${COMP_WORDS[index + 1]}" in \(forms)) command+=" ${COMP_WORDS[index + 1]}"; ((index++)) ;; esac
        fi
        case $command in
          '') options='\(names)'
            case ${COMP_WORDS[0]##*/} in
              deeprfm-run) options+=' -n --hostfile --threads' ;;
              *) options+=' --version --man --completion' ;;
            esac ;;
      \(cases.options)
        esac
        case $command in
      \(cases.words)
        esac
        case "$command $before" in
      \(cases.values)
          \(cases.others)) return ;;
          \\ --completion) values='bash zsh' ;;
          \\ --hostfile) COMPREPLY=($(compgen -f -- "$word")); return ;;
        esac
        if [ -n "$values" ]; then
          COMPREPLY=($(compgen -W "$values" -- "$word"))
        elif [[ $word = -* || -z $command ]]; then
          COMPREPLY=($(compgen -W "$options --help" -- "$word"))
        elif [ -n "$words" ] && [ "$COMP_CWORD" = $((index + 1)) ]; then
          COMPREPLY=($(compgen -W "$words" -- "$word"))
        else
          COMPREPLY=($(compgen -f -- "$word"))
        fi
      }
      complete -o filenames -F _deeprfm deeprfm deeprfm-run
      """
  }

  /// The script's lines that are made of the commands.
  private struct BashCases {
    let options, words, values: String
    /// Options whose values nothing is known of.
    let others: String

    init(_ commands: [CommandHelp]) {
      options = commands.map { command in
        "    \(Completion.bashWord(command.name))) options='\(command.options.map(\.name).joined(separator: " "))' ;;"
      }.joined(separator: "\n")
      words = commands.filter { !$0.words.isEmpty }.map { command in
        "    \(Completion.bashWord(command.name))) words='\(command.words.joined(separator: " "))' ;;"
      }.joined(separator: "\n")
      values = commands.flatMap { command in
        command.options.filter { !$0.choices.isEmpty }.map { option in
          "    \(Completion.bashWord(command.name))\\ \(option.name)) values='\(option.choices.joined(separator: " "))' ;;"
        }
      }.joined(separator: "\n")
      let unknown = commands.flatMap { command in
        command.options.filter { $0.placeholder != nil && $0.choices.isEmpty && !$0.takesPath }
          .map { "\(Completion.bashWord(command.name))\\ \($0.name)" }
      }
      others = (unknown + ["\\ -n", "\\ --threads"]).joined(separator: " | ")
    }
  }

  /// As one word of the shell.
  private static func bashWord(_ name: String) -> String { name.split(separator: " ").joined(separator: "\\ ") }

  // MARK: zsh

  private static func zshScript(_ commands: [CommandHelp]) -> String {
    let names = commands.filter { !$0.isForm }.map { "    '\($0.name):\(quoted($0.summary))'" }
      .joined(separator: "\n")
    let forms = commands.filter(\.isForm).map { bashWord($0.name) }.joined(separator: " | ")
    let cases = commands.map { command in
      let options =
        command.options.map { "        \(argument($0))" } + ["        '--help[the options]'"]
        + (command.words.isEmpty ? [] : ["        '1:what:(\(command.words.joined(separator: " ")))'"])
        + ["        '*:file:_files'"]
      return "    \(bashWord(command.name)))\n      _arguments \\\n" + options.joined(separator: " \\\n") + " ;;"
    }
    return """
      #compdef deeprfm deeprfm-run
      # zsh completion of deeprfm and deeprfm-run: deeprfm --completion zsh
      _deeprfm() {
        local -a commands
        local command='' index
        commands=(
      \(names)
        )
        for ((index = 2; index < CURRENT; index++)); do
          if (( ${${commands%%:*}[(Ie)${words[index]}]} )); then command=${words[index]}; break; fi
        done
        if [[ -z $command ]]; then
          case ${words[CURRENT - 1]} in
            --hostfile) _files; return ;;
            -n | --threads) _message 'a number'; return ;;
            --completion) compadd bash zsh; return ;;
          esac
          _describe command commands
          case ${words[1]:t} in
            deeprfm-run) compadd -- -n --hostfile --threads --help ;;
            *) compadd -- --help --version --man --completion ;;
          esac
          return
        fi
        # A command of two words.
        if (( index + 1 < CURRENT )); then
          case "$command ${words[index + 1]}" in
            \(forms)) command+=" ${words[index + 1]}"; (( index += 1 )) ;;
          esac
        fi
        # From the command on, as if it had been called by its own name.
        words=("${(@)words[index,-1]}")
        (( CURRENT -= index - 1 ))
        case $command in
      \(cases.joined(separator: "\n"))
        esac
      }
      if [[ $funcstack[1] = _deeprfm ]]; then _deeprfm "$@"; else compdef _deeprfm deeprfm deeprfm-run; fi
      """
  }

  /// One of _arguments's: '--name[meaning]:N:action'.
  private static func argument(_ option: CommandHelp.Option) -> String {
    let head = option.name + (option.placeholder == nil ? "" : "=") + "[\(quoted(option.meaning))]"
    guard let placeholder = option.placeholder else { return "'\(head)'" }
    let choices = "(\(option.choices.joined(separator: " ")))"
    let action = option.choices.isEmpty ? (option.takesPath ? "_files" : " ") : choices
    return "'\(head):\(quoted(placeholder)):\(action)'"
  }

  /// Inside single quotes, and brackets.
  private static func quoted(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "'": result += "'\\''"
      case "[", "]", ":", "\\": result += "\\\(character)"
      default: result.append(character)
      }
    }
    return result
  }
}
