// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {ERC20} from '@openzeppelin/contracts/token/ERC20/ERC20.sol';

/// A token that behaves, by OpenZeppelin, whose balances and allowances are what a test says.
contract Coin is ERC20 {
    uint8 private immutable places;

    constructor(bytes32 symbol_, uint8 decimals_) ERC20(text(symbol_), text(symbol_)) {
        places = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return places;
    }

    function give(address owner, uint256 amount) external {
        _burn(owner, balanceOf(owner));
        _mint(owner, amount);
    }

    function allow(address owner, address spender, uint256 amount) external {
        _approve(owner, spender, amount);
    }

    function text(bytes32 word) private pure returns (string memory) {
        uint256 length = 0;
        while (length < 32 && word[length] != 0) length++;
        bytes memory letters = new bytes(length);
        for (uint256 i = 0; i < length; i++) letters[i] = word[i];
        return string(letters);
    }
}
