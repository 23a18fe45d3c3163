// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A token from before the standard was settled, like Maker's: its name and symbol are of 32 bytes.
contract OldCoin {
    bytes32 public immutable name;
    bytes32 public immutable symbol;
    uint256 public immutable decimals;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(bytes32 symbol_, uint256 decimals_) {
        (name, symbol, decimals) = (symbol_, symbol_, decimals_);
    }

    function give(address owner, uint256 amount) external {
        balanceOf[owner] = amount;
    }

    function allow(address owner, address spender, uint256 amount) external {
        allowance[owner][spender] = amount;
    }
}
